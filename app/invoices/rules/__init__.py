"""What an e-invoice slip says (`slips`), and whether it earns anything here (`campaigns`)."""
