"""A made-up brand with two years of history, for demonstrations and rehearsals.

`brand` is the shop, `people` who comes to it, `visits` when and what they buy, `history` lets the
product's own services live through it, `demo` serves the result with a LINE simulator beside it."""
