"""How good models are, and how sure that is: tables in, tables out."""
