"""What the weights of a model say of themselves: how many parameters there are, without loading one."""
