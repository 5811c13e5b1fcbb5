"""Files that people bring: years of cards with the debtor that each had, and records of debtors. Read first, applied after."""
