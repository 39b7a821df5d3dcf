"""What ``tune`` is made of: what it is asked for, and its trials."""
