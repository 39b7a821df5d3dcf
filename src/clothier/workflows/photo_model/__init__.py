"""What ``train photo`` is made of, from the lesson to the report."""
