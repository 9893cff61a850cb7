import DifferentialExpression
import Glibc

/// Looks whether a result can fit on its disk, before hours are spent on the counts.
enum FreeSpace {
    /// Refuses a run whose rows alone are larger than what is free.
    ///
    /// The exact size is taken from the disk when the result is laid out. Nothing is asked for a
    /// result that is there already, finished or not.
    ///
    /// - Throws: `inputOutput` naming the directory, both sizes and what to do.
    static func requireResult(
        _ request: RunRequest,
        perturbations: Int,
        genes: Int
    ) throws(RunFailure) {
        let mayExist = [request.partialResult] + (request.force ? [] : [request.output])
        guard mayExist.allSatisfy({ access($0, F_OK) != 0 }) else { return }
        let needed = request.options.rowSchema.rowByteCount(geneCount: genes)
            .multipliedReportingOverflow(by: perturbations)
        let directory = PlainFile.directory(of: request.output)
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return }
        let (free, isLarge) = Int(clamping: status.f_bavail)
            .multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
        guard !isLarge, needed.overflow || needed.partialValue > free else { return }
        throw RunFailure(
            .inputOutput,
            "\(directory): the result needs at least \(megabytes(needed.partialValue)) MB, "
                + "\(megabytes(free)) MB are free; free space there or choose another --output"
        )
    }

    private static func megabytes(_ bytes: Int) -> Int { (bytes + 999_999) / 1_000_000 }
}
