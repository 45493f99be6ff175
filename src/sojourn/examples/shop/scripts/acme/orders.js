// What the user has ordered last.
database.query('SELECT sku, qty, cents FROM shop_order WHERE buyer = ? ORDER BY "iVersion" DESC LIMIT 1', [session.userName]);
