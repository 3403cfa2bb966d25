"""Bile ducts and the gas in them."""
