"""What readers say is wrong with a company, and what the operator decides. Changes no company."""
