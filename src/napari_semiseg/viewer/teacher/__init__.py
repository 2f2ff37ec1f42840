"""What the teacher sees, in layers that a person corrects."""
