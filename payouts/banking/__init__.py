"""Where payees want their money: what an account must be, and how its number is kept."""
