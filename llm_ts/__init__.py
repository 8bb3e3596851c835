"""What the stages share. Rooms from the ground up: each imports those before it alone (tests/test_rooms.py)."""
