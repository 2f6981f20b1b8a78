"""How long the rotating code on a member's screen lives."""

from datetime import timedelta

TOKEN_LIFE = timedelta(seconds=60)
TOKEN_LENGTH = 24
PREFIX = "RG1."  # what a scanner recognises as ours
