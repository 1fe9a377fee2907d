"""What is agreed with payees, and what it makes of their shares: the rules, and which of them apply to whom when."""
