"""The rows of the table, a module each; the specification's numbers, with gaps for what is not built yet."""

from __future__ import annotations

from bench.row import Row
from bench.rows import p1, p2, p3, p4, p5, p6, p7, p8, p9, p11, p12, p13, p14, p15, p16, p17, p19, p20

ROWS: tuple[Row, ...] = (
    p1.ROW,
    p2.ROW,
    p3.ROW,
    p4.ROW,
    p5.ROW,
    p6.ROW,
    p7.ROW,
    p8.ROW,
    p9.ROW,
    p11.ROW,
    p12.ROW,
    p13.ROW,
    p14.ROW,
    p15.ROW,
    p16.ROW,
    p17.ROW,
    p19.ROW,
    p20.ROW,
)
