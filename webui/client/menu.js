// The button that opens the menu on a narrow screen; of Bootstrap's scripts the site needs no other.
import "bootstrap/js/src/collapse.js";
