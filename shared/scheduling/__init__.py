"""The crm:scheduling client: the only place where the wire's names exist."""
