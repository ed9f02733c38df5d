// simdjson_merge - one record per accommodation, each field from the first partner that has it
// in: a file of catalog records.  out: consolidated records, in no order.
// A reference to compare acc-merge with: what a careful programmer gets from simdjson's
// on-demand parser with the schema known in advance.  It neither validates what it skips, nor
// orders, nor accounts for records.
#include <simdjson.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <vector>

using namespace simdjson;

namespace {

constexpr size_t bins = 256;
constexpr size_t batch_bytes = 1 << 20;
constexpr size_t out_bytes = 1 << 20;
constexpr uint64_t none = UINT64_MAX;

[[noreturn]] void
die(const char *what, const char *why)
{
	fprintf(stderr, "simdjson_merge: %s: %s\n", what, why);
	exit(3);
}

template <typename T> T
must(simdjson_result<T> &&result, const char *what)
{
	T value;
	auto error = std::move(result).get(value);

	if (error)
		die(what, error_message(error));
	return value;
}

struct job {
	std::vector<std::string> fields;
	std::vector<std::string> prefixes;      // ,"name":
	std::unordered_map<std::string, uint32_t> ranks;
	const char *text = nullptr;
	size_t len = 0;
};

struct slice {
	int32_t offset;         // from the record's base
	uint32_t len;           // 0: null or absent
};

// One record of a bin; its slices follow it, one for each field.
struct entry {
	uint64_t hash;
	const char *id;
	const char *base;
	uint32_t id_len;
	uint32_t rank;
	uint64_t next;          // the accommodation's next record in this bin
	slice values[];
};

struct bin {
	char *entries = nullptr;
	size_t used = 0, size = 0;
};

struct worker {
	bin own[bins];
	std::vector<std::unique_ptr<std::string>> decoded_ids;
	std::vector<char> out;
};

size_t
entry_bytes(const job &job)
{
	return sizeof(entry) + job.fields.size() * sizeof(slice);
}

uint64_t
hash_bytes(const char *s, size_t len)
{
	uint64_t h = len * 0x9e3779b97f4a7c15;

	while (len > 0) {
		uint64_t word = 0;
		size_t n = std::min<size_t>(len, 8);

		memcpy(&word, s, n);
		h = (h ^ word) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
		s += n, len -= n;
	}
	return h;
}

entry *
bin_add(bin &bin, size_t bytes)
{
	if (bin.used + bytes > bin.size) {
		bin.size = std::max<size_t>(bin.size * 2, 64 * bytes);
		bin.entries = static_cast<char *>(realloc(bin.entries, bin.size));
		if (!bin.entries)
			die("bin", "out of memory");
	}
	bin.used += bytes;
	return reinterpret_cast<entry *>(bin.entries + bin.used - bytes);
}

std::string_view
raw_value(ondemand::value value, ondemand::json_type type)
{
	std::string_view raw;

	switch (type) {
	case ondemand::json_type::object:
		return must(must(value.get_object(), "object").raw_json(), "object");
	case ondemand::json_type::array:
		return must(must(value.get_array(), "array").raw_json(), "array");
	default:
		raw = value.raw_json_token();
		while (!raw.empty() && strchr(" \t\r\n", raw.back()))
			raw.remove_suffix(1);
		return raw;
	}
}

// Members mostly come in the schema's order: look first where the last one ended.
size_t
find_field(const job &job, ondemand::raw_json_string key, size_t guess)
{
	size_t count = job.fields.size();

	for (size_t i = 0; i < count; i++) {
		size_t at = guess + i < count ? guess + i : guess + i - count;

		if (key.unsafe_is_equal(job.fields[at]))
			return at;
	}
	die("record", "a member that the schema lacks");
}

void
read_data(const job &job, ondemand::object data, const char *base, slice *values)
{
	size_t at = 0;

	memset(values, 0, job.fields.size() * sizeof *values);
	for (auto member : data) {
		ondemand::field field = must(std::move(member), "member");
		auto type = must(field.value().type(), "type");

		at = find_field(job, field.key(), at);
		if (type == ondemand::json_type::null) {
			if (!field.value().is_null())
				die("value", "begins as null and is not");
		} else {
			auto raw = raw_value(field.value(), type);

			values[at] = { int32_t(raw.data() - base), uint32_t(raw.size()) };
		}
		if (++at == job.fields.size())
			at = 0;
	}
}

// The id as it stands in the input, or a decoded copy where it has escapes.
std::string_view
stable_id(worker &worker, ondemand::value value)
{
	std::string_view raw = value.raw_json_token();
	auto decoded = must(value.get_string(), "accommodation_id");

	if (raw.size() > decoded.size() + 1 && raw[decoded.size() + 1] == '"'
	    && !memchr(raw.data() + 1, '\\', decoded.size()))
		return raw.substr(1, decoded.size());
	worker.decoded_ids.push_back(std::make_unique<std::string>(decoded));
	return *worker.decoded_ids.back();
}

void
read_record(const job &job, worker &worker, ondemand::object record)
{
	std::string partner(must(record.find_field_unordered("partner_name").get_string(), "partner_name"));
	auto rank = job.ranks.find(partner);
	ondemand::value id_value = must(record.find_field_unordered("accommodation_id"), "accommodation_id");
	const char *base = id_value.raw_json_token().data();
	auto id = stable_id(worker, id_value);
	uint64_t hash = hash_bytes(id.data(), id.size());
	entry *entry = bin_add(worker.own[hash % bins], entry_bytes(job));

	if (rank == job.ranks.end())
		die(partner.c_str(), "not in the priority list");
	*entry = { hash, id.data(), base, uint32_t(id.size()), rank->second, none };
	read_data(job, must(record.find_field_unordered("accommodation_data").get_object(),
		"accommodation_data"), base, entry->values);
}

void
read_lines(const job &job, worker &worker, const char *text, size_t len)
{
	ondemand::parser parser;
	ondemand::document_stream stream;
	auto error = parser.iterate_many(text, len, batch_bytes).get(stream);

	if (error)
		die("input", error_message(error));
	for (auto document : stream)
		read_record(job, worker, must(document.get_object(), "record"));
	if (stream.truncated_bytes())
		die("input", "the last record is cut short");
}

void
read_array(const job &job, worker &worker)
{
	ondemand::parser parser;
	ondemand::document document;
	auto error = parser.iterate(job.text, job.len, job.len + SIMDJSON_PADDING).get(document);

	if (error)
		die("input", error_message(error));
	for (auto element : must(document.get_array(), "array"))
		read_record(job, worker, must(element.get_object(), "record"));
}

std::mutex output;

void
flush(std::vector<char> &out)
{
	std::lock_guard<std::mutex> guard(output);

	for (size_t done = 0; done < out.size(); ) {
		ssize_t n = write(STDOUT_FILENO, out.data() + done, out.size() - done);

		if (n < 0)
			die("standard output", strerror(errno));
		done += size_t(n);
	}
	out.clear();
}

void
put(std::vector<char> &out, std::string_view s)
{
	out.insert(out.end(), s.begin(), s.end());
}

struct grouper {
	const struct job &job;
	std::vector<entry *> entries;
	std::vector<uint32_t> table;    // 1 + the place in heads; 0: free
	std::vector<uint32_t> heads;
	std::vector<uint32_t> group;
	std::vector<uint64_t> seen;     // by rank: the last group that had it
	uint64_t groups = 0;

	explicit grouper(const struct job &job) : job(job), seen(job.ranks.size()) {}
	void write_group(std::vector<char> &out, uint32_t head);
	void load(std::vector<worker> &workers, size_t which);
	void run(std::vector<worker> &workers, size_t which, std::vector<char> &out);
};

// Of each partner the delivery that came last: the chain leads from the last to the first.
void
grouper::write_group(std::vector<char> &out, uint32_t head)
{
	group.clear();
	groups++;
	for (uint64_t i = head; i != none; i = entries[i]->next)
		if (seen[entries[i]->rank] != groups) {
			seen[entries[i]->rank] = groups;
			group.push_back(uint32_t(i));
		}
	std::sort(group.begin(), group.end(), [this](uint32_t a, uint32_t b) {
		return entries[a]->rank < entries[b]->rank;
	});
	put(out, "{\"accommodation_id\":\"");
	put(out, { entries[head]->id, entries[head]->id_len });
	put(out, "\",\"accommodation_data\":{");
	for (size_t field = 0; field < job.fields.size(); field++) {
		auto has = std::find_if(group.begin(), group.end(), [this, field](uint32_t i) {
			return entries[i]->values[field].len > 0;
		});

		put(out, std::string_view(job.prefixes[field]).substr(field == 0));
		if (has == group.end()) {
			put(out, "null");
			continue;
		}
		const slice &value = entries[*has]->values[field];

		put(out, { entries[*has]->base + value.offset, value.len });
	}
	put(out, "}}\n");
}

void
grouper::load(std::vector<worker> &workers, size_t which)
{
	size_t step = entry_bytes(job), size = 16;

	entries.clear();
	for (auto &worker : workers)
		for (size_t at = 0; at < worker.own[which].used; at += step)
			entries.push_back(reinterpret_cast<entry *>(worker.own[which].entries + at));
	while (size < 2 * entries.size())
		size *= 2;
	table.assign(size, 0);
	heads.clear();
}

void
grouper::run(std::vector<worker> &workers, size_t which, std::vector<char> &out)
{
	load(workers, which);
	for (uint32_t i = 0; i < entries.size(); i++) {
		entry *entry = entries[i];
		size_t mask = table.size() - 1, slot = entry->hash / bins & mask;

		for (; table[slot] != 0; slot = (slot + 1) & mask) {
			auto other = entries[heads[table[slot] - 1]];

			if (other->hash == entry->hash && other->id_len == entry->id_len
			    && !memcmp(other->id, entry->id, entry->id_len))
				break;
		}
		if (table[slot] == 0) {
			heads.push_back(i);
			table[slot] = uint32_t(heads.size());
		} else {
			entry->next = heads[table[slot] - 1];
			heads[table[slot] - 1] = i;
		}
	}
	for (uint32_t head : heads) {
		write_group(out, head);
		if (out.size() > out_bytes)
			flush(out);
	}
	for (auto &worker : workers)
		free(worker.own[which].entries);
}

padded_string
load_file(const char *path)
{
	return must(padded_string::load(path), path);
}

void
load_schema(job &job, const char *path)
{
	dom::parser parser;
	auto text = load_file(path);

	for (auto member : must(parser.parse(text).get_object(), path)) {
		job.fields.emplace_back(member.key);
		job.prefixes.push_back(",\"" + std::string(member.key) + "\":");
	}
}

void
load_list(job &job, const char *path)
{
	dom::parser parser;
	auto text = load_file(path);

	for (auto name : must(parser.parse(text).get_array(), path))
		job.ranks.emplace(must(name.get_string(), path), uint32_t(job.ranks.size()));
}

// Mapped over zeroed pages, so that the parser may read past the end.
void
map_input(job &job, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path, strerror(errno));
	job.len = size_t(st.st_size);
	void *room = mmap(nullptr, job.len + SIMDJSON_PADDING, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	if (room == MAP_FAILED
	    || mmap(room, job.len, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
		die(path, strerror(errno));
	job.text = static_cast<const char *>(room);
	close(fd);
}

size_t
line_start(const job &job, size_t at)
{
	if (at == 0 || at >= job.len)
		return std::min(at, job.len);
	auto end = static_cast<const char *>(memchr(job.text + at, '\n', job.len - at));
	return end ? size_t(end - job.text) + 1 : job.len;
}

template <typename F> void
in_threads(size_t count, F work)
{
	std::vector<std::thread> threads;

	for (size_t i = 1; i < count; i++)
		threads.emplace_back(work, i);
	work(0);
	for (auto &thread : threads)
		thread.join();
}

}

int
main(int argc, char *argv[])
{
	job job;
	std::atomic<size_t> turn = 0;

	if (argc != 6 || (strcmp(argv[2], "lines") && strcmp(argv[2], "array"))) {
		fputs("usage: simdjson_merge threads lines|array schema list file\n", stderr);
		return 2;
	}
	size_t threads = std::max(1, atoi(argv[1]));
	std::vector<worker> workers(threads);

	load_schema(job, argv[3]);
	load_list(job, argv[4]);
	map_input(job, argv[5]);
	if (!strcmp(argv[2], "array"))
		read_array(job, workers[0]);
	else
		in_threads(threads, [&](size_t i) {
			size_t start = line_start(job, job.len / threads * i);
			size_t end = i + 1 < threads ? line_start(job, job.len / threads * (i + 1)) : job.len;

			if (start < end)
				read_lines(job, workers[i], job.text + start, end - start);
		});
	in_threads(threads, [&](size_t i) {
		grouper grouper(job);

		for (size_t which; (which = turn++) < bins; )
			grouper.run(workers, which, workers[i].out);
		flush(workers[i].out);
	});
	fflush(nullptr);
	_exit(0);
}
