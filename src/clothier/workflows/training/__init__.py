"""What ``train`` is made of: what it is asked for, the way to final weights, teachers, and what it hands over."""
