"""The marketers' pages. Each module is one entry of the navigation."""
