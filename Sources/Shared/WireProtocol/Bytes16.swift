/// Sixteen bytes that name something: a worker, a run, a fingerprint or a digest.
///
/// The byte form is big-endian, high half first: the order in which UUIDs and 128-bit XXH3 digests
/// are written down.
package struct Bytes16: Hashable, Sendable, CustomStringConvertible {
    /// Number of bytes in the byte form.
    package static let byteCount = 16

    /// The first eight bytes.
    package let high: UInt64

    /// The last eight bytes.
    package let low: UInt64

    /// Makes a value of its two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Takes a value from its byte form; nil unless there are exactly 16 bytes.
    package init?(bytes: some Sequence<UInt8>) {
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        var count = 0
        for byte in bytes {
            halves.high = halves.high << 8 | halves.low >> 56
            halves.low = halves.low << 8 | UInt64(byte)
            count += 1
        }
        guard count == Self.byteCount else { return nil }
        self.init(high: halves.high, low: halves.low)
    }

    /// Takes a value from 32 hexadecimal digits, hyphens anywhere among them ignored.
    package init?(hexadecimal text: String) {
        var bytes: [UInt8] = []
        var pending: UInt8?
        for character in text where character != "-" {
            guard character.isASCII, let digit = character.hexDigitValue else { return nil }
            if let upper = pending {
                bytes.append(upper << 4 | UInt8(digit))
                pending = nil
            } else {
                pending = UInt8(digit)
            }
        }
        guard pending == nil else { return nil }
        self.init(bytes: bytes)
    }

    /// Makes a random UUID (version 4).
    package static func randomUUID(using generator: inout some RandomNumberGenerator) -> Bytes16 {
        let high: UInt64 = generator.next()
        let low: UInt64 = generator.next()
        return Bytes16(
            high: high & 0xffff_ffff_ffff_0fff | 0x4000,
            low: low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        )
    }

    /// The byte form: 16 bytes, big-endian, high half first.
    package var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { [UInt8]($0) }
    }

    /// 32 lower-case hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
