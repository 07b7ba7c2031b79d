"""A network as files that run elsewhere, each read again and compared."""
