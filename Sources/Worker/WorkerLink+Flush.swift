import Glibc
import Transport

/// Waits until the operating system has everything that was sent, but not for ever.
func flush(_ link: WorkerLink, milliseconds: Int) {
    var waited = 0
    while link.queuedBytes > 0, waited < milliseconds * 20 {
        usleep(50)
        waited += 1
    }
}
