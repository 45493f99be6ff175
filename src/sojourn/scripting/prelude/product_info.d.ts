/** What `ProductManager.createProduct` takes. */
interface ProductInfo {
  /** Its name, which no other product of the database has. */
  name: string;
  version?: string;
  /** Single negative keys that belong to it besides its range. */
  keys?: number[];
}
