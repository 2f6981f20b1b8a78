"""What a menu is, where its cells lie, what LINE takes, and who sees which."""
