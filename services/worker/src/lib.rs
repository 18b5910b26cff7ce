//! Sessions: who watches them, who drives them, and the link to gateways.
