"""Reads that cross nouns: the numbers of the day, the list of members, one member's portrait."""
