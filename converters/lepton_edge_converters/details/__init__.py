"""What a report shows beside the gates' numbers: where the error comes from, and whom it meets."""
