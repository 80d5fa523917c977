"""What differs from one kind of task to the next, one class a kind; everything else in ``runs`` knows no kinds."""
