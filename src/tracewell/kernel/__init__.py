"""What both products stand on. No product word lives here: no company, no lookup, no connector."""
