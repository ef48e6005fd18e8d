"""Questions of nginx itself: token, verdict, size and legacy addresses."""
