"""REST of the money: what it adds to a stay, activities, invoices, payments, files exchanged."""
