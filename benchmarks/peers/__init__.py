"""What others need for the same clients, in one run; ``fetch`` brings them, ``__main__`` measures."""
