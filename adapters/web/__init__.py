"""What every host shows: pages, health, and who may see them."""
