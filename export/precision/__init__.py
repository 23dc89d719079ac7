"""Networks in fp16 and int8: how they are made, and what that costs and brings."""
