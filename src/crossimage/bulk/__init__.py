"""Translations of any number of images: the audit of a ledger, and engines that share the work."""
