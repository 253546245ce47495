"""Pure drawing: from frozen state to lines of spans, without an app."""
