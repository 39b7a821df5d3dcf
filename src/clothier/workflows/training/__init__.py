"""What ``train`` is made of: what it is asked for, and what it hands over."""
