"""Operations on stored pictures: remove, reindex."""
