"""What tests share: tiny models, rows, and command lines in processes of their own."""
