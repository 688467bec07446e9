"""What an operator does beside running the roles: keys, checks, deployment, health, a look at the ledger."""
