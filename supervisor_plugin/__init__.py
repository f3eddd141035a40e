"""What runs inside supervisord itself: it forks workers from a warm process, and stops programs by priority."""
