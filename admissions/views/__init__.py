"""Screens of the reception: search, patient, admission, stay, arrivals. Views read, ask a service, draw."""
