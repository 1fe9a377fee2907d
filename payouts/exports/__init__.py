"""What goes to the bank and to payees, and what the bank answers: pure functions from orders to bytes and back.

All are repeatable: the same orders under the same envelope make the same bytes. No clock, no chance, no database."""
