"""Who stands for champion, who wins, and what the registry then says."""
