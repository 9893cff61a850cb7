internal import CXXHash

/// Computes a ``Digest128`` of content that arrives in pieces.
///
/// How raw bytes are cut into pieces does not matter. A digester belongs to one thread at a time
/// and allocates only when it is made.
package final class Digester {
    private let state: OpaquePointer

    /// Makes a digester that has received nothing.
    package init() {
        // xxHash gives nil only when malloc fails, from which a Swift process does not recover.
        guard let state = XXH3_createState() else {
            preconditionFailure("no memory for the 576 bytes of an XXH3 state")
        }
        self.state = state
        reset()
    }

    deinit {
        XXH3_freeState(state)
    }

    /// Forgets everything received so far.
    package func reset() {
        XXH3_128bits_reset(state)
    }

    /// Takes the bytes as they are, without their number.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// Takes eight bytes, least significant first.
    package func update(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { update($0) }
    }

    /// Takes the number of UTF-8 bytes as a `UInt64`, then the bytes.
    ///
    /// The number keeps the lists ["ab", "c"] and ["a", "bc"] apart.
    package func update(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            update(UInt64(utf8.count))
            update(UnsafeRawBufferPointer(utf8))
        }
    }

    /// Takes the 16 bytes of another digest's byte form.
    package func update(_ digest: Digest128) {
        withUnsafeBytes(of: (digest.high.bigEndian, digest.low.bigEndian)) { update($0) }
    }

    /// Gives the digest of everything received since the start or the last ``reset()``.
    ///
    /// It may be asked for in between; what follows is added to the same content.
    package func finish() -> Digest128 {
        Digest128(XXH3_128bits_digest(state))
    }
}
