"""Outgoing webhooks: what became true of a member is told to addresses the owner chose."""
