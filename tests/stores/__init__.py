"""What single stores promise beyond the port."""
