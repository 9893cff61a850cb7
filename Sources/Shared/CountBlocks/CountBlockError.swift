internal import Glibc
package import Digests

/// What can go wrong with count blocks.
package enum CountBlockError: Error, Equatable, Sendable {
    /// A size in a segment's header.
    package enum SizeField: String, Sendable {
        case genes
        case cells
        case nonzeros
        case payloadBytes = "payload bytes"
    }

    /// There are fewer bytes than the segment says it has.
    case truncated(neededBytes: Int, foundBytes: Int)

    /// There are bytes behind the segment or behind its last cell.
    case trailingBytes(Int)

    /// The bytes do not begin like a segment.
    case notASegment

    /// The segment has a format version that this build does not read.
    case unsupportedVersion(UInt16)

    /// The segment holds values of a kind that this build does not read.
    case unsupportedKind(UInt16)

    /// The segment holds another kind of values than this analysis needs.
    case kindMismatch(expected: SegmentHeader.Kind, found: SegmentHeader.Kind)

    /// The segment belongs to a screen with another number of genes.
    case geneCountMismatch(expected: Int, found: Int)

    /// A size in the header cannot be.
    case impossibleSize(field: SizeField, value: UInt64, allowed: ClosedRange<Int>)

    /// The content is not the one whose digest the header has.
    case digestMismatch(expected: Digest128, found: Digest128)

    /// The file rows do not ascend at this cell of the segment.
    case rowsNotAscending(cell: Int)

    /// The nonzeros of the cells do not add up to the segment's.
    case nonzeroCountMismatch(expected: Int, found: Int)

    /// The payload of a cell of the segment is damaged.
    case damagedCell(cell: Int, CellDamage)

    /// The block's segments are not those whose digest was announced.
    case blockDigestMismatch(expected: Digest128, found: Digest128)

    /// Bytes were asked for that the block of this group does not have.
    case rangeOutsideBlock(group: Int, offset: Int, length: Int, blockBytes: Int)

    /// A group or segment was asked for that does not exist.
    case noSuchSegment(group: Int, index: Int)

    /// No scratch file can be made; `code` is the system's error number.
    case scratchUnavailable(directory: String, code: Int32)

    /// The scratch file cannot grow: disk, quota or size limit is reached.
    case scratchFull(directory: String, writtenBytes: Int, code: Int32)

    /// The scratch file cannot be written for another reason.
    case scratchWriteFailed(directory: String, writtenBytes: Int, code: Int32)

    /// The scratch file cannot be read; `code` 0 means that it is shorter than what was written.
    case scratchReadFailed(directory: String, offset: Int, length: Int, code: Int32)
}

extension CountBlockError: CustomStringConvertible {
    /// What failed, on what, why, and what to do.
    package var description: String {
        switch self {
        case .scratchUnavailable, .scratchFull, .scratchWriteFailed, .scratchReadFailed:
            scratchDescription
        case .rangeOutsideBlock(let group, let offset, let length, let blockBytes):
            "Bytes \(offset) to \(offset) + \(length) of group \(group) were asked for, but its "
                + "block has \(blockBytes) bytes."
        case .noSuchSegment(let group, let index):
            "Segment \(index) of group \(group) was asked for, but there is none."
        case .unsupportedVersion(let version):
            "A segment of counts has format version \(version), this build reads version "
                + "\(SegmentHeader.version); use the same build everywhere."
        case .unsupportedKind(let kind):
            "A segment holds values of kind \(kind), which this build does not know; use the same "
                + "build everywhere."
        case .kindMismatch(let expected, let found):
            "A segment holds \(found.words), need \(expected.words); give the analysis the blocks "
                + "that were made for it."
        case .geneCountMismatch(let expected, let found):
            "A segment of counts is of a screen with \(found) genes, not \(expected)."
        default:
            "A segment of counts is damaged: \(damageDescription). Send or prepare it again."
        }
    }

    private var damageDescription: String {
        switch self {
        case .truncated(let needed, let found): "it has \(found) bytes and needs \(needed)"
        case .trailingBytes(let count): "\(count) bytes follow where it should end"
        case .notASegment: "it does not begin with a segment's header"
        case .impossibleSize(let field, let value, let allowed):
            "its header says \(value) \(field.rawValue), possible are \(allowed.lowerBound) to "
                + "\(allowed.upperBound)"
        case .digestMismatch(let expected, let found):
            "its header says digest \(expected), its content has \(found)"
        case .rowsNotAscending(let cell): "the file rows do not ascend at its cell \(cell)"
        case .nonzeroCountMismatch(let expected, let found):
            "its header says \(expected) nonzeros, its cells have \(found)"
        case .damagedCell(let cell, let damage): "cell \(cell): \(damage)"
        case .blockDigestMismatch(let expected, let found):
            "its block was announced with digest \(expected) and has \(found)"
        default: "unknown damage"
        }
    }

    private var scratchDescription: String {
        switch self {
        case .scratchUnavailable(let directory, let code):
            "No scratch file can be made in \(directory): \(Self.text(code)). Choose another "
                + "directory with --scratch-dir."
        case .scratchFull(let directory, let writtenBytes, let code):
            "The scratch file in \(directory) cannot grow beyond \(writtenBytes) bytes: "
                + "\(Self.text(code)). Free space there, choose another directory with "
                + "--scratch-dir, or allow more memory with --memory-limit."
        case .scratchWriteFailed(let directory, let writtenBytes, let code):
            "The scratch file in \(directory) cannot be written after \(writtenBytes) bytes: "
                + "\(Self.text(code)). Choose another directory with --scratch-dir."
        case .scratchReadFailed(let directory, let offset, let length, let code):
            "\(length) bytes at \(offset) of the scratch file in \(directory) cannot be read: "
                + (code == 0 ? "the file is shorter" : Self.text(code))
                + ". Check that disk or choose another directory with --scratch-dir."
        default: "unknown failure of the scratch file"
        }
    }

    private static func text(_ code: Int32) -> String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }
}
