"""What the stacks of many companies say together: overlap, look-alikes, adoption, churn."""
